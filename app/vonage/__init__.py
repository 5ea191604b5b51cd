"""What is known of Vonage's servers: their signatures."""
