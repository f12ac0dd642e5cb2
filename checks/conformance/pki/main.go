// Judges chains of certificates with crypto/x509, as kube-apiserver, etcd, kubelet and Headscale do.
//
//	judge cases.json
package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

type question struct {
	Name          string
	Anchors       string
	Intermediates string
	Leaf          string
	Usage         string
	Host          *string
	Time          int64
	List          *string
	Accepted      bool
}

func certificates(text string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found, nil
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
}

func pool(text string) (*x509.CertPool, []*x509.Certificate, error) {
	found, err := certificates(text)
	pool := x509.NewCertPool()
	for _, certificate := range found {
		pool.AddCert(certificate)
	}
	return pool, found, err
}

// etcd looks up the leaf's serial number in the list (client/pkg/transport, listener_tls.go).
func revoked(text string, leaf *x509.Certificate, issuers []*x509.Certificate) error {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return fmt.Errorf("the list is not PEM")
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		return err
	}
	for _, issuer := range issuers {
		if bytes.Equal(issuer.RawSubject, list.RawIssuer) {
			if err := list.CheckSignatureFrom(issuer); err != nil {
				return err
			}
		}
	}
	for _, entry := range list.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
			return fmt.Errorf("revoked")
		}
	}
	return nil
}

func verify(q question) error {
	roots, anchors, err := pool(q.Anchors)
	if err != nil {
		return err
	}
	intermediates, _, err := pool(q.Intermediates)
	if err != nil {
		return err
	}
	leaves, err := certificates(q.Leaf)
	if err != nil || len(leaves) != 1 {
		return fmt.Errorf("the leaf: %w", err)
	}
	usage := x509.ExtKeyUsageClientAuth
	if q.Usage == "server" {
		usage = x509.ExtKeyUsageServerAuth
	}
	options := x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   time.Unix(q.Time, 0),
		KeyUsages:     []x509.ExtKeyUsage{usage},
	}
	if q.Host != nil {
		options.DNSName = *q.Host
	}
	if _, err := leaves[0].Verify(options); err != nil {
		return err
	}
	if q.List != nil {
		return revoked(*q.List, leaves[0], anchors)
	}
	return nil
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var questions []question
	if err := json.Unmarshal(text, &questions); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	passed, failed := 0, 0
	for _, q := range questions {
		err := verify(q)
		if (err == nil) == q.Accepted {
			passed++
			continue
		}
		failed++
		if err == nil {
			fmt.Printf("FAILED: %s: accepted\n", q.Name)
		} else {
			fmt.Printf("FAILED: %s: refused: %v\n", q.Name, err)
		}
	}
	fmt.Printf("%d passed, %d failed, 0 skipped\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}
