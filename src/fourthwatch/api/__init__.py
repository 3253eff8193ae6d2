"""What shops and their programs talk to: the old wire contract, the management API, health and documentation."""
