module keystone.systems/checks/conformance/pki

go 1.26
