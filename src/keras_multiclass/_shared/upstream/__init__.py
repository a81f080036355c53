"""Every use of what Keras and TensorFlow do not document as public, by subject.

Each module has a table `UNDOCUMENTED`: for each name its purpose, and what happens in a version
without it. CONTRIBUTING.md repeats the tables; a test keeps them equal. May import `_shared`;
imported by every subpackage.
"""
