"""The ops of the domain `ai.lgn`, one a file: schema, function body, and the way from a layer to a node and back."""
