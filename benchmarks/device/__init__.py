"""Speed of the models in torch and of the vector search, on a GPU if there is one."""
