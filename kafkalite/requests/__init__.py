"""The request pipeline: context, response handle, interceptors, and the surgery on messages that interceptors need.

Pure: may import wire and kafkalite.errors only. It touches no streams, threads or clocks, and knows no broker and no
storage.
"""
