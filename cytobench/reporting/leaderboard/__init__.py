"""The leaderboard in every format."""
