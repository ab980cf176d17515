"""Networks: tensors in, tensors out. They open no files and do no sampling."""
