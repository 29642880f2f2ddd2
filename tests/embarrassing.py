"""Made-up products of fifteen families: what is asked for has a plain name, and other products mention it in prose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Queries, and products as (title, text): those that they ask for, and those that only mention them."""

    name: str
    queries: tuple[str, ...]
    wanted: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]


FAMILIES = (
    Family(
        "phone case",
        ("iphone case", "case for iphone", "iphone 7 case"),
        (
            ("Tolva Back Cover for Apple iPhone 7 Case", "Rs. 299. Silicone. Black."),
            ("Brenn iPhone 7 Flip Case", "Leather look, brown, with card slot."),
            ("Ostra Transparent Case - iPhone 6", "Rs. 199. Soft TPU."),
            ("Kelm iPhone Case Blue", "Hard plastic. 30 g."),
        ),
        (
            (
                "Apple iPhone 7 32GB Black",
                "Smartphone with 12 MP camera. In the box: iPhone, EarPods, adapter. Get a case for your iPhone.",
            ),
            (
                "Apple iPhone 6s 64GB Gold",
                "Refurbished iPhone. Comes in its case with charger; the best iPhone for its price.",
            ),
            ("Screen Cleaner Spray 100 ml", "Cleans every iPhone, its case and its lens without streaks."),
            ("Universal Car Phone Holder", "Holds any iPhone in a case up to 8 cm wide, turns 360 degrees."),
        ),
    ),
    Family(
        "bath soap",
        ("baby bath soap", "soap for baby bath"),
        (
            ("Mimo Baby Soap 75 g", "Mild. With milk."),
            ("Lulla Baby Bathing Bar", "Soap bar, 3 x 75 g, for babies."),
            ("Pura Soap for Babies, Olive", "75 g, no perfume."),
            ("Nanni Baby Bath Soap Pack of 4", "Almond oil."),
        ),
        (
            ("Garo Tyre Cleaner 500 ml", "Foams like a baby bath soap and leaves a deep black shine on every tyre."),
            ("Mimo Baby Bath Tub", "Large tub for the baby bath; non-slip; drain plug. Soap tray on the side."),
            ("Plush Baby Towel with Hood", "Dry your baby after a bath with soap and water. 80 x 80 cm."),
            ("Rubber Ducks, Set of 3", "Fun for baby bath time. Wash with soap after use."),
        ),
    ),
    Family(
        "shampoo",
        ("shampoo for hair fall", "anti hair fall shampoo"),
        (
            ("Verda Hair Fall Control Shampoo 180 ml", "With onion seed."),
            ("Silka Anti Hairfall Shampoo", "340 ml. Bhringraj."),
            ("Rooty Shampoo Hair Fall Defence", "Women, 200 ml."),
            ("Herbo Shampoo for Falling Hair", "Amla, 100 ml."),
        ),
        (
            (
                "Doggo Dog Shampoo 200 ml",
                "A shampoo for dogs whose hair falls: stops shedding and hair fall and leaves a shiny coat.",
            ),
            ("Hair Brush Detangler", "Use after shampoo. Reduces hair fall and breakage for all hair types."),
            ("Pet Grooming Glove", "Takes up the hair that falls from your cat before the shampoo."),
            ("Shower Drain Catcher", "Stops hair that falls out with shampoo from blocking the drain."),
        ),
    ),
    Family(
        "laptop bag",
        ("laptop bag", "bag for laptop 15.6 inch"),
        (
            ("Trekko Office Messenger 15.6 Laptop Bag", "Grey. Polyester."),
            ("Basto Laptop Sleeve Bag 14 inch", "Neoprene."),
            ("Urba Bag for Laptops up to 15.6", "Black, shoulder strap."),
            ("Maro Leather Laptop Bag", "Brown."),
        ),
        (
            (
                "Zenit Book 15.6 inch Laptop, 8 GB RAM",
                "A laptop for work and study. Free laptop bag worth Rs. 999 with this laptop, which fits any bag.",
            ),
            (
                "Zenit Slim 14 Laptop",
                "So thin that your bag does not notice the laptop. Laptop, charger, bag included.",
            ),
            ("Rain Cover 30 L", "Keeps the bag and the laptop in your bag dry."),
            ("USB Fan Mini", "Clips to a laptop and folds flat for your bag."),
        ),
    ),
    Family(
        "running shoes",
        ("running shoes men", "running shoes"),
        (
            ("Velo Men Running Shoes 9", "Mesh, navy."),
            ("Corsa Runner Shoe for Men", "Grey. EVA sole."),
            ("Adra Running Shoes", "Men, black, size 8."),
            ("Strid Men's Run Shoes", "White."),
        ),
        (
            (
                "Ankle Socks for Men, Pack of 3",
                "Soft cotton socks for running: wear them with your running shoes, for men who love running.",
            ),
            ("Shoe Laces Elastic", "No-tie laces for running shoes of men, women and kids."),
            ("Sports Shorts Men", "Team these shorts with running shoes and a tee for your morning run."),
            ("Odour Spray", "Keeps running shoes fresh, men and women."),
        ),
    ),
    Family(
        "coffee mug",
        ("coffee mug", "ceramic coffee mug"),
        (
            ("Printo Ceramic Mug Best Dad", "325 ml. Coffee."),
            ("Kafo Mug 350 ml Blue", "Ceramic coffee mug."),
            ("Terra Coffee Mugs Set of 2", "Stoneware."),
            ("Lumi Ceramic Coffee Mug White", "300 ml."),
        ),
        (
            (
                "Monte Ground Coffee 250 g",
                "Pour hot water over the coffee in your favourite ceramic coffee mug.",
            ),
            ("Instant Coffee Sachets x 20", "One sachet per coffee mug. Stir in the mug."),
            ("Mug Warmer USB", "Keeps coffee in any ceramic coffee mug warm."),
            ("Table Coaster Cork", "Put your coffee mug on it. No rings from ceramic mugs."),
        ),
    ),
    Family(
        "camera battery",
        ("camera battery", "battery for canon camera"),
        (
            ("Canor LP-E10 Battery Pack", "For Canon EOS camera. 860 mAh."),
            ("Powra Camera Battery NB-11L", "Lithium, Canon."),
            ("Digi EN-EL14 Rechargeable Battery", "Camera, 1100 mAh."),
            ("Ampa Battery for Canon Camera", "LP-E17."),
        ),
        (
            (
                "Canon EOS 1300D DSLR Camera",
                "18 MP camera. The battery of this Canon camera lasts 500 shots; camera battery charger included.",
            ),
            (
                "Canon PowerShot Compact Camera",
                "Long battery life for a camera of its size; camera battery in the box.",
            ),
            ("Camera Shoulder Strap", "Carries your camera, its battery and lenses. For Canon camera bodies."),
            ("Flash Light for Camera", "Does not drain the battery of your Canon camera."),
        ),
    ),
    Family(
        "red lipstick",
        ("red lipstick", "matte red lipstick"),
        (
            ("Rosa Matte Lipstick Red 01", "3.5 g."),
            ("Velvo Lip Stick Scarlet Red", "Matte."),
            ("Colora Lipstick - Cherry Red", "Creamy, 4 g."),
            ("Bella Red Lipstick Matte Finish", "Long lasting."),
        ),
        (
            (
                "Micella Makeup Remover 100 ml",
                "Removes even matte red lipstick in one wipe, without rubbing; red lipstick stains vanish.",
            ),
            ("Red Sequin Party Dress", "Pair the dress with matte red lipstick and heels."),
            ("Lip Brush Slim", "Apply red lipstick exactly; matte or gloss."),
            ("White Cotton Shirt Women", "Crisp shirt; add red lipstick for a classic look."),
        ),
    ),
    Family(
        "dining table",
        ("dining table", "wooden dining table 4 seater"),
        (
            ("Sheesha 4 Seater Dining Table", "Wood, walnut."),
            ("Rondo Dining Table Round", "Glass top."),
            ("Oakra Wooden Table for Dining", "6 seater."),
            ("Fala Folding Dining Table", "4 seater, wooden."),
        ),
        (
            ("Table Cloth 4 Seater", "Covers your wooden dining table of 4 seats; a dining table never looked better."),
            ("Table Runner Jute", "Runs along the middle of a wooden dining table."),
            ("Dinner Set 18 Pieces", "Makes your dining table complete; for 4 at the dining table."),
            ("Pendant Lamp Copper", "Hang it above the dining table; warm light on wooden tables."),
        ),
    ),
    Family(
        "high heels",
        ("high heels", "high heels women"),
        (
            ("Amaya Women Heels", "Price: Rs. 699. Decent black sandal in three inch heel."),
            ("Bellavia Women Heels", "Price: Rs. 499. Decent cream sandal in three inch heel."),
            ("Fiore Women Heels", "Price: Rs. 799. Decent tan sandal in three inch heel."),
            ("Nella Women Heels", "Price: Rs. 699. Decent red sandal in three inch heel."),
        ),
        (
            ("Yamira Women's Gathered Dress", "Go for high heels and shiny accessories with this dress at parties."),
            ("Nova Full Sleeve Women's Top", "Team this top with skinny jeans and high heels for an evening out."),
            ("Lions Party Sleeveless Women's Top", "A top for parties. Pair it with high heels and a clutch."),
        ),
    ),
    Family(
        "cat litter",
        ("cat litter", "clumping litter for cats"),
        (
            ("Purra Litter 10 kg", "Cat. Clumping."),
            ("Kitto Cat Sand Litter", "5 L, lavender."),
            ("Bento Clumping Litter for Cats", "7 kg."),
            ("Silva Silica Cat Litter", "3.8 L."),
        ),
        (
            ("Litter Scoop Metal", "Scoops clumps of cat litter fast; for clumping litter for cats of all kinds."),
            (
                "Cat Toilet with Hood",
                "For cats; fill it with cat litter. Clumping litter works best. Litter not included.",
            ),
            ("Room Freshener Citrus", "Hides the smell of cat litter and smoke."),
            ("Dry Cat Food 3 kg Tuna", "For cats; firmer stools, less smell from cat litter and less litter used."),
        ),
    ),
    Family(
        "bicycle helmet",
        ("bicycle helmet", "helmet for kids bicycle"),
        (
            ("Zoom Kids Helmet", "For bicycle and skates. Size S."),
            ("Rida Cycling Helmet Black", "Adult bicycle, 58 cm."),
            ("Helmo Bicycle Helmet Blue", "Vents."),
            ("Tiko Children's Bike Helmet", "Adjustable, bicycle."),
        ),
        (
            (
                "Kids Bicycle 16 inch",
                "A bicycle for kids of 4 to 6. Wear a bicycle helmet at all times; helmet not included.",
            ),
            ("Bicycle Bell", "Loud bell for each bicycle, also for kids. A helmet is sold separately."),
            ("Helmet Hair Spray", "Fixes what a bicycle helmet does to your hair."),
            ("Rain Cape", "Fits over a bicycle helmet and backpack for kids."),
        ),
    ),
    Family(
        "wine glasses",
        ("wine glasses", "red wine glass set"),
        (
            ("Cristo Wine Glass Set of 6", "Red wine, 450 ml."),
            ("Vina Glasses for Wine", "Crystal, 2 pieces."),
            ("Bord Red Wine Glass", "Stem, set of 4."),
            ("Stemless Wine Glasses", "500 ml, set."),
        ),
        (
            (
                "Red Wine Merlot 750 ml",
                "Serve this red wine in large wine glasses at 18 degrees. A set of flavours in each glass of wine.",
            ),
            ("Glass Cleaner Cloth", "Polishes wine glasses without marks: red wine stains go."),
            ("Cheese Board Set", "Serve with red wine and wine glasses."),
            ("Wine Rack Wood", "Holds 12 bottles of red wine and hangs wine glasses."),
        ),
    ),
    Family(
        "phone charger",
        ("phone charger", "fast charger for samsung phone"),
        (
            ("Volta USB Charger 20 W", "For any phone."),
            ("Samsung Travel Charger Fast", "Phone, 25 W, white."),
            ("Ampo Phone Charger with Cable", "2 A."),
            ("Jolt Dual Fast Charger", "Samsung phone."),
        ),
        (
            (
                "Samsung Galaxy A5 Phone",
                "Fast phone with a fast charger in the box; the phone charger of this Samsung fills it in one hour.",
            ),
            ("Wireless Earbuds", "Charge them with any Samsung phone charger; fast pairing with your phone."),
            ("Cable Clips", "Keep the cable of your phone charger tidy."),
            ("Phone Wallet Leather", "Fits a Samsung phone, its charger and cards."),
        ),
    ),
    Family(
        "winter gloves",
        ("winter gloves", "wool gloves women"),
        (
            ("Nordi Wool Gloves", "Women, winter, grey."),
            ("Fleece Glove for Women", "Winter, black."),
            ("Alpa Winter Gloves Touch", "Wool blend."),
            ("Lana Women's Knit Gloves", "Wool."),
        ),
        (
            (
                "Women Winter Coat",
                "Warm wool coat for women in winter; pair it with wool gloves. Winter gloves not included.",
            ),
            ("Hand Cream 75 ml", "When winter gloves are not enough: for women with dry hands."),
            ("Wool Scarf", "Goes with wool gloves for women."),
            ("Snow Brush", "Clears your car in winter, can be used with thick winter gloves."),
        ),
    ),
)
FILLER = tuple(
    (f"{b} {t} {n}", f"{d} Rs. {99 + 50 * n}.")
    for n, (b, t, d) in enumerate(
        (b, t, d)
        for b in ("Amber", "Birch", "Cedar", "Dune", "Elm")
        for t, d in (
            ("Notebook", "200 pages, ruled."),
            ("Wall Clock", "Quartz, 30 cm."),
            ("Men T-Shirt", "Cotton, regular fit."),
            ("Kitchen Knife", "Steel, 20 cm blade."),
            ("Bed Sheet", "Double, 2 pillow covers."),
            ("Garden Hose", "15 m."),
            ("Ball Pen Set", "Blue ink."),
            ("Yoga Mat", "6 mm."),
            ("Umbrella", "Opens itself."),
            ("Desk Lamp", "LED."),
        )
    )
)
