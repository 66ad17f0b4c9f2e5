"""How a GPU runs a network: in one launch with values in shared memory, or wave by wave in global memory."""
