"""A Sofy to develop and test against: its REST, its SMS lives, its webhooks and their replays.

Nothing that serves imports it. Of the relay it knows `relay.sofy` alone: how webhooks are signed. What is
known of the real Sofy, and how sure each fact is: `docs/provider.md`; where that page says "open", this
package had to choose, and says so where it does.
"""
