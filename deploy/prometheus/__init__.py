"""What Prometheus is told: rules, their tests, and the manifest made from them."""
