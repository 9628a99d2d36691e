"""What the architectures are built on."""
