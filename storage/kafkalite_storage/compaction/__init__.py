"""Log compaction (`cleanup.policy=compact`): which log is cleaned next, and how.

May import the log and the rooms below it; nothing but the broker's log cleaner imports it.
"""
