"""What people say of outputs: cases drawn at random, sheets, and ratings."""
