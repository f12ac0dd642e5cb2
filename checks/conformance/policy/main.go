// Headscale's own policy engine as a judge: one JSON document a line on standard input, one verdict a line on standard
// output. See run.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	policy "github.com/juanfont/headscale/hscontrol/policy/v2"
	"github.com/juanfont/headscale/hscontrol/types"
	"github.com/rs/zerolog"
	"go4.org/netipx"
	"gorm.io/gorm"
	"tailscale.com/tailcfg"
)

type user struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type node struct {
	Name      string       `json:"name"`
	User      *string      `json:"user"`
	Tags      []string     `json:"tags"`
	Addresses []netip.Addr `json:"addresses"`
}

type question struct {
	Policy string `json:"policy"`
	Users  []user `json:"users"`
	Nodes  []node `json:"nodes"`
}

// opening: from a machine to a machine in a version of IP by a transport on ports from 1, merged.
type opening struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	IP    int      `json:"ip"`
	Proto string   `json:"proto"`
	Ports [][2]int `json:"ports"`
}

type verdict struct {
	Accepted bool      `json:"accepted"`
	Error    string    `json:"error,omitempty"`
	Open     []opening `json:"open"`
}

func main() {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	decoder := json.NewDecoder(in)
	encoder := json.NewEncoder(out)
	for decoder.More() {
		var q question
		if err := decoder.Decode(&q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := encoder.Encode(judge(q)); err != nil {
			os.Exit(1)
		}
	}
}

func judge(q question) verdict {
	var users []types.User
	byName := map[string]*types.User{}
	for n, u := range q.Users {
		users = append(users, types.User{Model: gorm.Model{ID: uint(n + 1)}, Name: u.Name, Email: u.Email})
	}
	for n := range users {
		byName[users[n].Name] = &users[n]
	}
	var nodes types.Nodes
	for n, wanted := range q.Nodes {
		made := &types.Node{ID: types.NodeID(n + 1), Hostname: wanted.Name, GivenName: wanted.Name, Tags: wanted.Tags}
		if wanted.User != nil {
			if owner, ok := byName[*wanted.User]; ok {
				made.User, made.UserID = owner, &owner.ID
			}
		}
		for _, address := range wanted.Addresses {
			if address.Is4() {
				made.IPv4 = &address
			} else {
				made.IPv6 = &address
			}
		}
		nodes = append(nodes, made)
	}
	manager, err := policy.NewPolicyManager([]byte(q.Policy), users, nodes.ViewSlice())
	if err != nil {
		return verdict{Error: err.Error(), Open: []opening{}}
	}
	result := verdict{Accepted: true, Open: []opening{}}
	for _, to := range nodes {
		filter, err := manager.FilterForNode(to.View())
		if err != nil {
			return verdict{Error: err.Error(), Open: []opening{}}
		}
		rules := read(filter)
		for _, from := range nodes {
			if from.ID == to.ID {
				continue
			}
			result.Open = append(result.Open, between(rules, from, to)...)
		}
	}
	return result
}

type transport struct {
	ip    int
	proto string
}

// span is a run of addresses. A filter writes each of them as text, hundreds of times.
type span struct{ first, last netip.Addr }

func (s span) contains(address netip.Addr) bool {
	return s.first.Compare(address) <= 0 && address.Compare(s.last) <= 0 && s.first.Is4() == address.Is4()
}

type target struct {
	spans []span
	ports tailcfg.PortRange
}

type rule struct {
	sources []span
	targets []target
	numbers []int
}

func read(filter []tailcfg.FilterRule) []rule {
	rules := make([]rule, len(filter))
	for n, written := range filter {
		rules[n].numbers = written.IPProto
		for _, source := range written.SrcIPs {
			rules[n].sources = append(rules[n].sources, spans(source)...)
		}
		for _, dst := range written.DstPorts {
			rules[n].targets = append(rules[n].targets, target{spans(dst.IP), dst.Ports})
		}
	}
	return rules
}

func within(spans []span, address netip.Addr) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.contains(address) })
}

func between(filter []rule, from, to *types.Node) []opening {
	ports := map[transport][][2]int{}
	for _, rule := range filter {
		for _, source := range from.IPs() {
			if !within(rule.sources, source) {
				continue
			}
			for _, dst := range rule.targets {
				for _, address := range to.IPs() {
					if source.Is4() != address.Is4() || !within(dst.spans, address) {
						continue
					}
					ip := 6
					if source.Is4() {
						ip = 4
					}
					for _, proto := range protos(rule.numbers, source.Is4()) {
						by := transport{ip, proto}
						first, last := int(dst.ports.First), int(dst.ports.Last)
						if last > 0 || proto == "icmp" {
							ports[by] = append(ports[by], [2]int{max(first, 1), last})
						}
					}
				}
			}
		}
	}
	var opened []opening
	for _, ip := range []int{4, 6} {
		for _, proto := range []string{"tcp", "udp", "sctp", "icmp"} {
			ranges, ok := ports[transport{ip, proto}]
			if !ok {
				continue
			}
			merged := merge(ranges)
			if proto == "icmp" {
				merged = [][2]int{}
			}
			opened = append(opened, opening{From: from.Hostname, To: to.Hostname, IP: ip, Proto: proto, Ports: merged})
		}
	}
	return opened
}

// protos names what a rule's numbers mean in a version of IP; each has an ICMP of its own.
func protos(numbers []int, v4 bool) []string {
	if len(numbers) == 0 {
		return []string{"tcp", "udp", "icmp"}
	}
	var names []string
	for _, number := range numbers {
		switch {
		case number == 6:
			names = append(names, "tcp")
		case number == 17:
			names = append(names, "udp")
		case number == 132:
			names = append(names, "sctp")
		case number == 1 && v4, number == 58 && !v4:
			names = append(names, "icmp")
		}
	}
	return names
}

// spans reads the forms that a filter has: `*`, an address, a prefix, a range.
func spans(text string) []span {
	if text == "*" {
		all4, all6 := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")
		return []span{{all4.Addr(), netipx.PrefixLastIP(all4)}, {all6.Addr(), netipx.PrefixLastIP(all6)}}
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return []span{{prefix.Masked().Addr(), netipx.PrefixLastIP(prefix)}}
	}
	if single, err := netip.ParseAddr(text); err == nil {
		return []span{{single, single}}
	}
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		panic("a form of address that is not known: " + text)
	}
	return []span{{netip.MustParseAddr(first), netip.MustParseAddr(last)}}
}

func merge(ranges [][2]int) [][2]int {
	slices.SortFunc(ranges, func(a, b [2]int) int { return a[0] - b[0] })
	merged := [][2]int{}
	for _, r := range ranges {
		if n := len(merged); n > 0 && r[0] <= merged[n-1][1]+1 {
			merged[n-1][1] = max(merged[n-1][1], r[1])
			continue
		}
		merged = append(merged, r)
	}
	return merged
}
