"""What the API takes and answers, as models: its OpenAPI document is made from them."""
