module github.com/uclab/uclab

go 1.26.0
