"""What the forms that take one sample at a time share: encoding it, the code around the gates, the sources."""
