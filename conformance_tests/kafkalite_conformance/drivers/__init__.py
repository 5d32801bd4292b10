"""The clients: one small program for each, all with one vocabulary of JSON lines.

`catalogue` names them, `building` prepares them, `process` runs them, `events` is what they say.
The programs themselves (python/, java/, go-*/, kafkajs/) are started as subprocesses, never imported.
"""
