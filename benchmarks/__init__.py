"""What the harness is measured with, beside its tests."""
