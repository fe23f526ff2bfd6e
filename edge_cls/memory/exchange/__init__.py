"""Exchange of memories with other forms: folders of photos and copies of the database."""
