"""The Ray Serve graph: thin deployments around plain classes, behind one HTTP ingress."""
