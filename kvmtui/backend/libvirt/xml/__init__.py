"""libvirt's XML documents, read without libvirt. Pure."""
