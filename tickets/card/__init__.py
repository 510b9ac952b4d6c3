"""The model card of a release: what it may be trusted with, where it is bad, how sure that is, what it cost.

Everything is measured on test rows, from plain arrays and tables; nothing here knows Ray, storage or MLflow. `card.py`
puts the measurements together as one JSON-able object, `page.py` turns that into a page.
"""
