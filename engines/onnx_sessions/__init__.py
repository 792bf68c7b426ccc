"""What engines that compute with onnxruntime share: its knobs, a session opened with them, its providers and build."""
