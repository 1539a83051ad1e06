"""An embedded server for the Hugging Face Hub and Jobs APIs."""
