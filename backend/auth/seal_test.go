// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// fixed is a keyring that does not change.
type fixed struct{ ring }

func (f fixed) current(context.Context) (key, error) { return f.ring[0], nil }

func (f fixed) find(_ context.Context, id string) (key, bool, error) {
	k, found := f.ring.find(id)
	return k, found, nil
}

func fixedReplica(c *clock) replica {
	return replica{sealer: &sealer{keys: fixed{made(c.now(), time.Hour, time.Minute)}, now: c.now}}
}

// What is sealed as one thing can be opened as that, and as nothing else.
func TestKinds(t *testing.T) {
	r := fixedReplica(newClock())
	kinds := []kind{kindLogin, kindSession, kindToken, kindCode}
	for _, as := range kinds {
		text := r.sealNote(t, as, "hello", time.Minute)
		for _, shown := range kinds {
			if shown == as {
				r.opens(t, shown, text, "hello")
			} else {
				r.refuses(t, shown, text)
			}
		}
		r.refuses(t, "", text)
		if strings.Contains(text, "hello") || strings.Contains(text, base64.RawURLEncoding.EncodeToString([]byte("hello"))) {
			t.Error("it can be read")
		}
	}
}

func TestExpiry(t *testing.T) {
	c := newClock()
	r := fixedReplica(c)
	text := r.sealNote(t, kindToken, "hello", time.Minute)
	c.pass(time.Minute - time.Second)
	r.opens(t, kindToken, text, "hello")
	c.pass(time.Second)
	r.refuses(t, kindToken, text)
	r.refuses(t, kindToken, r.sealNote(t, kindToken, "hello", 0))
	r.refuses(t, kindToken, r.sealNote(t, kindToken, "hello", -time.Hour))
}

// Every bit counts: of the header, of the nonce, of what is encrypted, and of the tag.
func TestTampered(t *testing.T) {
	r := fixedReplica(newClock())
	text := r.sealNote(t, kindToken, "hello", time.Minute)
	r.opens(t, kindToken, text, "hello")
	for part, segment := range strings.Split(text, ".") {
		raw, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(raw) {
			raw[bit/8] ^= 1 << (bit % 8)
			parts := strings.Split(text, ".")
			parts[part] = base64.RawURLEncoding.EncodeToString(raw)
			r.refuses(t, kindToken, strings.Join(parts, "."))
			raw[bit/8] ^= 1 << (bit % 8)
		}
	}
	for cut := range len(text) {
		r.refuses(t, kindToken, text[:cut])
		r.refuses(t, kindToken, text[cut+1:])
	}
}

// jwe encrypts as somebody else would.
func jwe(t *testing.T, recipient jose.Recipient, encryption jose.ContentEncryption, options *jose.EncrypterOptions, plain any) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(encryption, recipient, options)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt(raw)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What others made is refused, with the id of our key on it too.
func TestForged(t *testing.T) {
	c := newClock()
	r := fixedReplica(c)
	ring := r.sealer.keys.(fixed).ring
	ours, other := ring[0], ring[1]
	good := sealed{Kind: kindToken, Expires: c.now().Add(time.Hour).Unix(), Claims: json.RawMessage(`{"text":"hello"}`)}
	theirs := bytes.Repeat([]byte{9}, keyBytes)
	direct := func(raw []byte, id string) jose.Recipient {
		return jose.Recipient{Algorithm: jose.DIRECT, Key: raw, KeyID: id}
	}
	r.opens(t, kindToken, jwe(t, direct(ours.raw, ours.id), jose.A256GCM, nil, good), "hello")
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","enc":"none","kid":"` + ours.id + `"}`))
	plain, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"with another key":         jwe(t, direct(theirs, ours.id), jose.A256GCM, nil, good),
		"with a key nobody has":    jwe(t, direct(theirs, "20261101t110000z-1"), jose.A256GCM, nil, good),
		"without a key's id":       jwe(t, direct(ours.raw, ""), jose.A256GCM, nil, good),
		"with another of our keys": jwe(t, direct(ours.raw, other.id), jose.A256GCM, nil, good),
		"with another cipher":      jwe(t, direct(ours.raw[:16], ours.id), jose.A128GCM, nil, good),
		"with a wrapped key":       jwe(t, jose.Recipient{Algorithm: jose.A256KW, Key: ours.raw, KeyID: ours.id}, jose.A256GCM, nil, good),
		"with a password":          jwe(t, jose.Recipient{Algorithm: jose.PBES2_HS256_A128KW, Key: ours.raw, KeyID: ours.id}, jose.A256GCM, nil, good),
		"no JSON":                  jwe(t, direct(ours.raw, ours.id), jose.A256GCM, nil, "text"),
		"nothing in it":            jwe(t, direct(ours.raw, ours.id), jose.A256GCM, nil, nil),
		"other claims":             jwe(t, direct(ours.raw, ours.id), jose.A256GCM, nil, sealed{Kind: kindToken, Expires: good.Expires, Claims: json.RawMessage(`["x"]`)}),
		"no encryption":            header + "..." + base64.RawURLEncoding.EncodeToString(plain) + ".",
		"a JWT":                    header + "." + base64.RawURLEncoding.EncodeToString(plain) + ".",
		"JSON":                     string(plain),
		"dots":                     "....",
		"nothing":                  "",
	} {
		t.Run(name, func(t *testing.T) { r.refuses(t, kindToken, text) })
	}
}

// Whatever text is shown, it is refused, or says what was sealed.
func FuzzOpen(f *testing.F) {
	c := newClock()
	r := fixedReplica(c)
	text, err := r.seal(f.Context(), kindToken, note{Text: "hello"}, c.now().Add(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	login, err := r.seal(f.Context(), kindLogin, note{Text: "hello"}, c.now().Add(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{text, login, text + ".", "." + text, strings.ReplaceAll(text, ".", ".."), "....", "e30....", `{"protected":"e30"}`, ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got note
		switch err := r.open(t.Context(), kindToken, text, &got); {
		case err == nil && got.Text == "hello":
		case errors.Is(err, ErrNotOurs) && got.Text == "":
		default:
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
