"""The REST API of the simulated Vonage: `/v1/calls`. Source: Voice API specification; Outbound REST."""
