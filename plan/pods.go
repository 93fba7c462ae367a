package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxPods bounds a pod number, so that a range cannot grow without end.
const maxPods = 10_000

// PodSet is a choice of pods by their numbers, from 1. The nil PodSet chooses
// everything.
type PodSet map[int]bool

// ParsePods reads a choice such as "3,7-9"; "" gives nil, everything.
func ParsePods(text string) (PodSet, error) {
	if text == "" {
		return nil, nil
	}
	set := PodSet{}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := podNumber(first)
		if err != nil {
			return nil, fmt.Errorf("pods %q: %w", text, err)
		}
		to := from
		if isRange {
			if to, err = podNumber(last); err != nil {
				return nil, fmt.Errorf("pods %q: %w", text, err)
			}
		}
		if to < from {
			return nil, fmt.Errorf("pods %q: %d-%d runs backwards", text, from, to)
		}
		for number := from; number <= to; number++ {
			set[number] = true
		}
	}
	return set, nil
}

func podNumber(text string) (int, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(text), "pod"))
	if err != nil || number < 1 || number > maxPods {
		return 0, fmt.Errorf("%q is no pod number from 1 to %d", text, maxPods)
	}
	return number, nil
}

// String gives the choice in order, e.g. "3, 7, 8".
func (s PodSet) String() string {
	numbers := make([]int, 0, len(s))
	for number := range s {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	words := make([]string, len(numbers))
	for i, number := range numbers {
		words[i] = strconv.Itoa(number)
	}
	return strings.Join(words, ", ")
}

// Has says whether the thing at an address ("pod03/cucm-pub") is of a chosen
// pod. What is outside pods is chosen only by the nil PodSet.
func (s PodSet) Has(address string) bool {
	if s == nil {
		return true
	}
	pod, _, inPod := strings.Cut(address, "/")
	if !inPod {
		return false
	}
	number, err := podNumber(pod)
	return err == nil && s[number]
}

// Only keeps the changes to the chosen pods, and the media and shared networks
// that they cannot do without.
func (p *Plan) Only(pods PodSet) {
	if pods == nil {
		return
	}
	p.Changes = slices.DeleteFunc(p.Changes, func(change Change) bool {
		shared := !strings.Contains(change.Address, "/")
		needed := shared && (change.Kind == KindMedia || change.Kind == KindNetwork) && change.Action != Delete
		return !needed && !pods.Has(change.Address)
	})
	p.count()
}

// Only keeps the nodes of the chosen pods.
func (s *Status) Only(pods PodSet) {
	s.Nodes = slices.DeleteFunc(s.Nodes, func(node NodeStatus) bool { return !pods.Has(node.Address) })
}
