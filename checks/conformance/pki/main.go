// Judges chains of certificates with crypto/x509, as kube-apiserver, etcd, kubelet and Headscale do.
//
//	judge cases.json...
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
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
	// What is said when it is refused; anything, if it is empty.
	Because string
	Written *written
}

// What a file has to say, beside being believed.
type written struct {
	Key     string
	Subject string
	Names   []string
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

// The key belongs to the leaf, which has exactly these names, and each certificate is signed by the one after it.
func (w written) holds(q question, leaf *x509.Certificate) error {
	pair, err := tls.X509KeyPair([]byte(q.Leaf+q.Intermediates), []byte(w.Key))
	if err != nil {
		return err
	}
	for at := 1; at < len(pair.Certificate); at++ {
		signed, err := x509.ParseCertificate(pair.Certificate[at-1])
		if err != nil {
			return err
		}
		by, err := x509.ParseCertificate(pair.Certificate[at])
		if err != nil {
			return err
		}
		if err := signed.CheckSignatureFrom(by); err != nil {
			return fmt.Errorf("number %d of the chain does not sign the one before it: %w", at, err)
		}
	}
	if leaf.IsCA {
		return nil
	}
	if leaf.Subject.String() != w.Subject {
		return fmt.Errorf("its subject is %s, not %s", leaf.Subject, w.Subject)
	}
	var names []string
	for _, name := range leaf.DNSNames {
		names = append(names, "DNS:"+name)
	}
	for _, address := range leaf.IPAddresses {
		names = append(names, "IP:"+address.String())
	}
	for _, address := range leaf.EmailAddresses {
		names = append(names, "email:"+address)
	}
	for _, address := range leaf.URIs {
		names = append(names, "URI:"+address.String())
	}
	slices.Sort(names)
	slices.Sort(w.Names)
	if !slices.Equal(names, w.Names) {
		return fmt.Errorf("its names are %v, not %v", names, w.Names)
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
	switch q.Usage {
	case "server":
		usage = x509.ExtKeyUsageServerAuth
	case "any":
		usage = x509.ExtKeyUsageAny
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
	if q.Written != nil {
		return q.Written.holds(q, leaves[0])
	}
	return nil
}

func main() {
	var questions []question
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		var more []question
		if err := json.Unmarshal(text, &more); err != nil {
			fmt.Println(file, err)
			os.Exit(1)
		}
		questions = append(questions, more...)
	}
	passed, failed := 0, 0
	for _, q := range questions {
		err := verify(q)
		if err == nil == q.Accepted && (err == nil || strings.Contains(err.Error(), q.Because)) {
			passed++
			continue
		}
		failed++
		if err == nil {
			fmt.Printf("FAILED: Go: %s: accepted\n", q.Name)
		} else {
			fmt.Printf("FAILED: Go: %s: refused: %v\n", q.Name, err)
		}
	}
	fmt.Printf("%d passed, %d failed, 0 skipped\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}
