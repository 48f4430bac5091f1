"""What deformable registrations are made of: levels, fields in voxels, filters, and measures with their equations."""
