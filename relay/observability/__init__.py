"""What the relay shows of itself: metrics, health, logs. Knows the reasons and no other room."""
