"""What stands around the application: machines, clusters, weights, licences.

Rooms: `local/` runs clusters on this machine, `weights/` finds and fetches models, `kuberay/` writes the manifests of
Kubernetes; `bundled/` has the weights that come with Quorum, `docker/`, `gpu/` and `launcher/` images, environments and
virtual machines.
"""
