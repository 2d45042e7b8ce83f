INSERT INTO payment (amount) VALUES ($1)
