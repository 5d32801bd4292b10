"""The transaction coordinator: the state of each transactional id, in the records of ``__transaction_state``.

Pure: may import the protocol's messages and the coordinator results. Must not import storage, trio or a clock.
"""
