"""Files of users and of git: read strictly, each fault with its place, and written whole or not at all."""
