"""What the end-to-end tests share: the server under test, packages, and the hunt for left-overs."""
