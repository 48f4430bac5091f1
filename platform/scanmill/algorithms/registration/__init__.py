"""Images in one space: resampling through transforms."""
