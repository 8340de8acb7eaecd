"""All that is Sofy's: payloads, words, authenticity. No other room knows a Sofy field name."""
