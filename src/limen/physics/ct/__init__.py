"""CT: projection, reconstruction, dose."""
