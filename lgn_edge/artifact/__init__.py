"""What `build` writes, and running it from Python."""

from lgn_edge.artifact.artifact import Artifact, load_artifact
from lgn_edge.artifact.builder import build

__all__ = ["Artifact", "build", "load_artifact"]
