"""What each part costs on its own: `make bench-micro`."""
