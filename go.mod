module unsend

go 1.26.8
