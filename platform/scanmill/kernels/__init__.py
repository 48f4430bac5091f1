"""Hot loops: one plain Python function each, one source for CPU and GPU; `launch` alone knows the compilers."""
