"""What comes back from production: records of calls, what users said of them, and what is learned of both."""
