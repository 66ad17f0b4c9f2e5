"""What each machine is, and how a program becomes an object there."""
