"""What a frontend asks of the models, and checks of what it sends. Knows no Gradio."""
