"""Trains a classifier on a folder of photos: a head on the frozen backbone, and optional fine-tuning."""
