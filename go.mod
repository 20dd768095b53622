module github.com/cloudlease/leader

go 1.26
